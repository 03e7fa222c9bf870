// The page shows what the server's hub holds and decides nothing itself.
import { connect } from "./link.js";
import { showStage, restartCamera } from "./stage.js";
import { showProduct } from "./product.js";
import { showRanking } from "./ranking.js";
import { showSpeech } from "./speech.js";
import { showDemo } from "./demo.js";
import { showFigures } from "./figures.js";

let screen = null;
let link = "starting";

// What was true before the line broke may be wrong by now.
const unknown = { phase: "starting", event: null, ranked: [], speech: { final: "", partial: "" }, attention: null };

function render() {
  const shown = screen && link === "lost" ? { ...screen, ...unknown } : screen;
  showStage(shown, link);
  if (!shown) return;
  showProduct(shown);
  showRanking(shown);
  showSpeech(shown);
  showDemo(shown);
  showFigures(shown);
}

connect({
  onScreen(latest) {
    // After an update of the program this page may no longer fit its server.
    if (screen && screen.program !== latest.program) location.reload();
    screen = latest;
    render();
  },
  onLink(state) {
    if (state === "up" && link !== "up") restartCamera();
    link = state;
    document.body.dataset.link = state;
    render();
  },
});
render();
