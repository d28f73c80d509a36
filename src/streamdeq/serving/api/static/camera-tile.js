// One camera: its newest picture, figures, the steps and delays of its last frames, its settings.
const KEEP = 60;
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const SHOWN = {
  min_steps: value => `${value} ${value == 1 ? "step" : "steps"}`,
  max_steps: value => `${value} ${value == 1 ? "step" : "steps"}`,
  priority: value => `×${Number(Math.pow(2, value).toPrecision(2))}`, // the slider is its logarithm
};
const TO_FIELD = {priority: value => Math.pow(2, value)};
const FROM_FIELD = {priority: value => Math.log2(value)};
const number = x => x >= 0.001 || x === 0 ? x.toPrecision(2) : x.toExponential(0);

class CameraTile extends HTMLElement {
  connectedCallback() {
    if (this.points) return;
    this.points = [];
    this.sending = 0;
    this.append(document.getElementById("camera").content.cloneNode(true));
    this.id = `camera-${this.name}`;
    this.one(".name").textContent = this.name;
    this.one(".view").setAttribute("aria-label", `Enlarge ${this.name}`);
    this.one(".view").addEventListener("click", () => {
      this.one(".view").setAttribute("aria-pressed", this.classList.toggle("large"));
      this.drawBars();
    });
    for (const slider of this.querySelectorAll("[type=range]")) {
      slider.setAttribute("aria-label", `${slider.previousElementSibling.firstChild.textContent}, ${this.name}`);
      slider.addEventListener("input", () => this.slide(slider));
      slider.addEventListener("change", () => this.send(slider));
    }
    for (const radio of this.querySelectorAll("[type=radio]")) {
      radio.name = `start-${this.name}`;
      radio.addEventListener("change", () => this.change({start: radio.value}));
    }
    new ResizeObserver(() => this.drawBars()).observe(this);
    new IntersectionObserver(entries => { this.seen = entries.at(-1).isIntersecting; }).observe(this);
  }

  one(selector) { return this.querySelector(selector); }

  // The longer side in pixels that the picture has room for; 0 while it is out of sight.
  get room() {
    return this.seen ? Math.ceil(this.one(".view").clientWidth * Math.min(devicePixelRatio, 2)) : 0;
  }

  show(camera, request) {
    const state = this.one(".state"), hits = camera.deadline_hit_rate;
    state.textContent = camera.state;
    state.dataset.state = camera.state;
    state.title = camera.note || "";
    this.one(".fps").textContent = camera.fps.toFixed(1);
    this.one(".hits").textContent = hits === null ? "–" : `${(hits * 100).toFixed(hits > 0.9995 ? 0 : 1)}%`;
    this.one(".residual").textContent = camera.residual === null ? "–" : number(camera.residual);
    this.one(".counts").textContent = `${camera.decoded} decoded = ${camera.processed} processed + ` +
      `${camera.dropped} dropped + ${camera.failed} failed` +
      (camera.reconnects ? `, ${camera.reconnects} reconnections` : "");
    if (request > (this.changed ?? 0)) this.settle(camera.settings);
    if (!camera.points.length) return;
    this.most = camera.settings.max_steps;
    this.points = this.points.concat(camera.points).slice(-KEEP);
    const steps = this.points.reduce((sum, point) => sum + point[1], 0) / this.points.length;
    this.one(".steps").textContent = steps.toFixed(1); // of the bars below
    this.drawBars();
  }

  settle(settings) {
    // While a change is on its way the page knows better; so it does than an answer that was asked for before that.
    if (this.sending || this.sliding) return;
    for (const slider of this.querySelectorAll("[type=range]")) {
      const field = slider.dataset.field, value = (FROM_FIELD[field] ?? (x => x))(settings[field]);
      if (value > slider.max) slider.max = value;
      slider.value = value;
      this.label(slider);
    }
    for (const radio of this.querySelectorAll("[type=radio]")) radio.checked = radio.value === settings.start;
  }

  label(slider) {
    slider.previousElementSibling.lastChild.value = SHOWN[slider.dataset.field](slider.value);
    slider.setAttribute("aria-valuetext", slider.previousElementSibling.lastChild.value);
  }

  slide(slider) {
    this.sliding = true;
    // The fewest are never more than the most: the other slider goes along.
    const [fewest, most] = ["min_steps", "max_steps"].map(name => this.one(`[data-field=${name}]`));
    if (Number(fewest.value) > Number(most.value)) (slider === fewest ? most : fewest).value = slider.value;
    for (const one of [slider, fewest, most]) this.label(one);
  }

  send(slider) {
    this.sliding = false;
    const field = slider.dataset.field;
    if (field.endsWith("_steps"))
      return this.change(Object.fromEntries(["min_steps", "max_steps"].map(
        name => [name, Number(this.one(`[data-field=${name}]`).value)])));
    return this.change({[field]: TO_FIELD[field](Number(slider.value))});
  }

  // One after the other: two on their way at the same time might arrive the other way round.
  change(fields) {
    this.sending++;
    this.asked = (this.asked ?? Promise.resolve()).then(() => this.ask(fields)).finally(() => {
      this.sending--;
      this.changed = this.link.requests;
    });
  }

  async ask(fields) {
    const refused = this.one(".refused");
    try {
      const answer = await fetch(`cameras/${encodeURIComponent(this.name)}`, {
        method: "PATCH", headers: {"Content-Type": "application/json"}, body: JSON.stringify(fields),
      });
      refused.hidden = answer.ok;
      if (!answer.ok) refused.textContent = (await answer.json()).detail;
    } catch {
      refused.hidden = false;
      refused.textContent = "the server did not answer; nothing was changed";
    }
  }

  async picture(blob) {
    const picture = await createImageBitmap(blob), canvas = this.one(".picture");
    if (canvas.width !== picture.width || canvas.height !== picture.height)
      Object.assign(canvas, {width: picture.width, height: picture.height});
    canvas.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
    this.one(".waiting").hidden = true;
  }

  // Above: steps of each frame, of the most it may have. Below: its delay, of its deadline (the line).
  drawBars() {
    const canvas = this.one(".bars"), ratio = devicePixelRatio || 1;
    const w = canvas.clientWidth, h = canvas.clientHeight, high = 34, low = 16;
    if (!w) return;
    canvas.width = w * ratio; canvas.height = h * ratio;
    const pen = canvas.getContext("2d"), wide = w / KEEP;
    pen.scale(ratio, ratio);
    const good = css("--good"), late = css("--late"), line = css("--line"), quiet = css("--quiet");
    pen.fillStyle = line;
    pen.fillRect(0, high, w, 1);
    const most = Math.max(this.most ?? 1, ...this.points.map(point => point[1]));
    this.points.forEach(([, steps, delay], index) => {
      const x = w - (this.points.length - index) * wide, width = Math.max(1, wide - 1.5);
      pen.globalAlpha = 1;
      pen.fillStyle = delay > 1 ? late : good;
      pen.fillRect(x, high - steps / most * (high - 3), width, steps / most * (high - 3));
      pen.globalAlpha = .55;
      const tall = Math.min(delay / 1.5, 1) * low;
      pen.fillRect(x, h - tall, width, tall);
    });
    pen.globalAlpha = 1;
    pen.fillStyle = quiet;
    for (let x = 0; x < w; x += 6) pen.fillRect(x, Math.round(h - low / 1.5), 3, 1); // the deadline
    canvas.dataset.points = this.points.length;
    const last = this.points.at(-1);
    canvas.setAttribute("aria-label", last
      ? `Steps of the last ${this.points.length} frames, now ${last[1]}; delay now ${Math.round(last[2] * 100)}% of the deadline`
      : "Steps of the last frames");
  }
}
customElements.define("camera-tile", CameraTile);
