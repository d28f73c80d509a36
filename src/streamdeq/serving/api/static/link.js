// The connection to the server: figures and pictures come when the page asks for the next ones, so a page that is
// slow, or that nobody looks at, gets fewer.
const AGAIN_MS = [500, 1000, 2000, 5000];

export class Link {
  // wanted(): {camera: longer side in pixels}; overview(figures, the number of the request that they answer),
  // picture(camera, blob), state(text). requests: how many there were.
  constructor(wanted, overview, picture, state) {
    Object.assign(this, {wanted, overview, picture, state, failures: 0, requests: 0});
    this.open();
  }

  open() {
    const address = new URL("live", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.next();
    this.socket.onmessage = event => this.take(event.data);
    this.socket.onclose = () => {
      this.state("no connection, trying again");
      setTimeout(() => this.open(), AGAIN_MS[Math.min(this.failures++, AGAIN_MS.length - 1)]);
    };
  }

  next() {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.requests++;
    this.socket.send(JSON.stringify({pictures: this.wanted()}));
  }

  take(data) {
    if (typeof data !== "string") {
      // One byte that says how long the camera's name is, the name, a JPEG.
      const length = new Uint8Array(data, 0, 1)[0];
      const name = new TextDecoder().decode(new Uint8Array(data, 1, length));
      this.picture(name, new Blob([new Uint8Array(data, 1 + length)], {type: "image/jpeg"}));
      return;
    }
    this.failures = 0;
    this.overview(JSON.parse(data), this.requests);
    requestAnimationFrame(() => this.next()); // a page in the background asks for nothing
  }
}
