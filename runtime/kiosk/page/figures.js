// The footer: what the answer cost and what computed it.
import { byId, setText } from "./dom.js";

export function showFigures(screen) {
  const total = screen.latency_ms.total;
  setText(byId("step-ms"), total === undefined ? "–" : `${total < 10 ? total.toFixed(1) : Math.round(total)} ms`);
  const engine = screen.engine;
  setText(byId("engine"), [provider(engine.provider), engine.precision, fallback(engine.selection)].filter(Boolean).join(", "));
  byId("engine").title = [engine.detail, engine.fix, ...engine.warnings].filter(Boolean).join("; ");
  setText(byId("items"), screen.catalog_items ? `${screen.catalog_items} products` : "");
  setText(byId("program"), ["On this device, offline", screen.engine.bundle, `SGMN Edge ${screen.program}`].filter(Boolean).join("  ·  "));
}

const provider = (name) => name.replace("onnxruntime:", "ONNX Runtime, ").replace("ExecutionProvider", "");

// A bundle for the processor runs where it was meant to.
const fallback = (selection) => (selection.startsWith("fallback:") && selection !== "fallback:no-graphs" ? selection : "");
