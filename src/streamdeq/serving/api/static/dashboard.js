// The page of all cameras.
import "./camera-tile.js";
import "./load-dial.js";
import {Link} from "./link.js";

history.replaceState(null, "", location.pathname); // the token goes on as a cookie
const main = document.getElementById("cameras"), summary = document.getElementById("summary");
const tiles = new Map();

function overview(figures, request) {
  for (const camera of figures.cameras) {
    let tile = tiles.get(camera.name);
    if (!tile) {
      tile = document.createElement("camera-tile");
      Object.assign(tile, {name: camera.name, link});
      tiles.set(camera.name, tile);
      main.append(tile);
    }
    tile.show(camera, request);
  }
  const there = new Set(figures.cameras.map(camera => camera.name));
  for (const [name, tile] of tiles)
    if (!there.has(name)) {
      tile.remove();
      tiles.delete(name);
    }
  document.querySelector("load-dial").show(figures.load);
  document.getElementById("nothing").hidden = tiles.size > 0;
  const fps = figures.cameras.reduce((sum, camera) => sum + camera.fps, 0);
  summary.textContent = `${tiles.size} ${tiles.size === 1 ? "camera" : "cameras"}, ${fps.toFixed(1)} frames/s`;
}

const link = new Link(
  () => Object.fromEntries([...tiles].map(([name, tile]) => [name, tile.room]).filter(([, room]) => room)),
  overview,
  (name, picture) => tiles.get(name)?.picture(picture),
  text => { summary.textContent = text; },
);
