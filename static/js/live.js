// One WebSocket that comes back: sooner at first, later when it keeps failing, never after one was turned away.
const SIGNED_OUT = 4401;
const SUMS_ONLY = 4403;
const NOT_YOURS = 4404;

export function connect(path, { frame, opened = () => {}, lost = () => {}, ended = () => {} }) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  let wait = 1000;

  function open() {
    const socket = new WebSocket(url);
    socket.addEventListener("open", opened);
    socket.addEventListener("message", (event) => {
      wait = 1000;
      frame(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      // Signed out, or no longer a member. Asking again would not help.
      if ([SIGNED_OUT, SUMS_ONLY, NOT_YOURS].includes(event.code)) {
        ended();
        return;
      }
      lost();
      setTimeout(open, wait * (0.75 + Math.random() / 2));
      wait = Math.min(30000, wait * 2);
    });
  }

  open();
}
