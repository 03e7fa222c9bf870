// The decision, large: a product, a question, or an invitation.
import { byId, element, itemImage, percent, setText } from "./dom.js";

const MAYBE = 3;
let shown = null;
let asked = "";

export function showProduct(screen) {
  const event = screen.event;
  const kind = event ? event.kind : "nothing";
  document.body.dataset.event = kind;
  setText(byId("invitation"), invitation(screen));
  if (kind === "present") showPresent(event);
  if (kind === "unsure") showUnsure(event.candidates.slice(0, MAYBE));
  announce(kind, event);
}

function invitation(screen) {
  if (screen.phase === "starting") return "One moment";
  if (screen.phase === "camera lost") return "Waiting for the camera";
  if (!screen.demo) return "Show a product to the camera";
  return screen.event ? "Looking at the clip" : "The clip begins";
}

function showPresent(event) {
  const chosen = event.candidates.find((one) => one.product_id === event.product_id);
  setText(byId("title"), chosen ? chosen.title : event.product_id);
  setText(byId("certainty"), `${percent(event.confidence)} sure`);
  byId("certainty-bar").style.transform = `scaleX(${event.confidence})`;
  if (shown !== event.product_id) portray(event.product_id, chosen ? chosen.title : "");
}

// The new picture fades in over the old one, which goes when it is covered.
function portray(productId, title) {
  shown = productId;
  const frame = byId("portrait");
  const image = itemImage(productId, title);
  image.dataset.product = productId;
  image.decode().catch(() => {}).then(() => {
    if (shown !== productId) return;
    const old = [...frame.children];
    frame.append(image);
    requestAnimationFrame(() => {
      image.classList.add("shown");
      old.forEach((one) => one.classList.remove("shown"));
      setTimeout(() => old.forEach((one) => one.remove()), 400);
    });
  });
}

function showUnsure(candidates) {
  const ids = candidates.map((one) => one.product_id).join("\n");
  if (ids === asked) return;
  asked = ids;
  byId("maybe").replaceChildren(...candidates.map((one) => {
    const entry = element("li");
    entry.append(itemImage(one.product_id, ""), element("span", "", one.title));
    return entry;
  }));
}

function announce(kind, event) {
  const words = {
    present: () => byId("title").textContent,
    unsure: () => "Not sure yet",
    nothing: () => "",
  }[kind]();
  setText(byId("announcement"), words);
}
