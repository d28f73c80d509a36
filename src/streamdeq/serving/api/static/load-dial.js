// How much of the machine the cameras take: arrivals over what it can do at every camera's full steps.
const ARC = "M 8 46 A 38 38 0 0 1 84 46", LENGTH = Math.PI * 38, FULL = 1.5; // the dial's end: 150 %
const SVG = "http://www.w3.org/2000/svg";

class LoadDial extends HTMLElement {
  connectedCallback() {
    const draw = (name, traits) => {
      const one = document.createElementNS(SVG, name);
      for (const [key, value] of Object.entries(traits)) one.setAttribute(key, value);
      return one;
    };
    const svg = draw("svg", {viewBox: "0 0 92 52", role: "img"});
    this.value = draw("path", {d: ARC, class: "value", "stroke-dasharray": LENGTH, "stroke-dashoffset": LENGTH});
    const angle = Math.PI * (1 - 1 / FULL), [x, y] = [Math.cos(angle), -Math.sin(angle)];
    const mark = draw("line", {x1: 46 + 31 * x, y1: 46 + 31 * y, x2: 46 + 45 * x, y2: 46 + 45 * y}); // at 100 %
    this.text = draw("text", {x: 46, y: 46});
    svg.append(draw("path", {d: ARC}), this.value, mark, this.text);
    this.note = document.createElement("p");
    this.append(svg, this.note);
    this.svg = svg;
    this.show(null);
  }

  // full, least: arrivals over capacity at full steps and at each camera's fewest; null while not measured.
  show(load) {
    const known = load && load.full !== null;
    const level = !known ? "unknown" : load.least !== null && load.least > 1 ? "drops" : load.full > 1 ? "fewer" : "free";
    this.dataset.level = level;
    this.text.textContent = known ? `${Math.round(load.full * 100)}%` : "–";
    this.value.setAttribute("stroke-dashoffset", known ? LENGTH * (1 - Math.min(load.full, FULL) / FULL) : LENGTH);
    this.note.textContent = {
      unknown: "load, not measured yet", free: "load, every frame gets its full steps",
      fewer: "load, frames get fewer steps", drops: "load, frames are dropped",
    }[level];
    this.svg.setAttribute("aria-label", `${this.text.textContent} ${this.note.textContent}`);
  }
}
customElements.define("load-dial", LoadDial);
