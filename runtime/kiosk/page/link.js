// The line to the server: opens again by itself, and notices a server that hangs.
const SILENT_MS = 10000;
const AGAIN_MS = 1000;

export function connect({ onScreen, onLink }) {
  let source = null;
  let timer = null;

  function listen() {
    clearTimeout(timer);
    timer = setTimeout(reopen, SILENT_MS);
  }

  function reopen() {
    onLink("lost");
    source.close();
    clearTimeout(timer);
    timer = setTimeout(open, AGAIN_MS);
  }

  function open() {
    source = new EventSource("/events");
    listen();
    source.onopen = () => { listen(); onLink("up"); };
    source.onmessage = (message) => { listen(); onScreen(JSON.parse(message.data)); };
    source.addEventListener("beat", listen);
    source.onerror = reopen;
  }

  open();
}
