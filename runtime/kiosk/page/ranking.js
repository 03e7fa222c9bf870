// The ranked list: a product keeps its row, and the row moves to its place.
import { byId, element, itemImage, percent, setText } from "./dom.js";

const FADE_MS = 500;
const list = byId("ranking");
const read = byId("ranking-read");
const rows = new Map();

export function showRanking(screen) {
  const chosen = screen.event ? screen.event.product_id : null;
  const ranked = screen.ranked;
  const ids = new Set(ranked.map((one) => one.product_id));
  for (const [id, row] of rows) if (!ids.has(id)) dismiss(id, row);
  ranked.forEach((candidate, place) => {
    const row = rows.get(candidate.product_id) || admit(candidate, place);
    row.style.setProperty("--place", place);
    row.classList.toggle("chosen", candidate.product_id === chosen);
    row.querySelector(".bar span").style.transform = `scaleX(${candidate.confidence})`;
    setText(row.querySelector(".share"), percent(candidate.confidence));
  });
  readOut(ranked.map((candidate) => `${candidate.title} ${percent(candidate.confidence)}`));
}

// Rows are in order by their looks alone; for readers that do not see there is a list in order.
function readOut(lines) {
  if ([...read.children].map((line) => line.textContent).join("\n") === lines.join("\n")) return;
  read.replaceChildren(...lines.map((line) => element("li", "", line)));
}

function admit(candidate, place) {
  const row = element("li", "gone");
  const middle = element("div");
  const bar = element("div", "bar");
  bar.append(element("span"));
  middle.append(element("div", "name", candidate.title), bar);
  row.append(itemImage(candidate.product_id, ""), middle, element("span", "share"));
  row.style.setProperty("--place", place);
  list.append(row);
  rows.set(candidate.product_id, row);
  requestAnimationFrame(() => row.classList.remove("gone"));
  return row;
}

function dismiss(id, row) {
  rows.delete(id);
  row.classList.add("gone");
  setTimeout(() => row.remove(), FADE_MS);
}
