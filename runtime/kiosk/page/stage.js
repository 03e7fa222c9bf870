// The camera picture, the signs on it, and what is said over it when there is none.
import { byId, setText } from "./dom.js";

const camera = byId("camera");
const canvas = byId("attention");
const button = byId("attention-button");
const VEIL_DARKNESS = 0.62;

camera.addEventListener("load", () => { camera.dataset.seen = "yes"; });
camera.addEventListener("error", () => setTimeout(restartCamera, 1000));
button.addEventListener("click", () => setAttention(document.body.dataset.attention !== "on"));
let attention = null;
new ResizeObserver(drawAttention).observe(camera);
setAttention(localStorage.getItem("attention") === "on");

export function restartCamera() {
  camera.src = `/stream.mjpg?opened=${Date.now()}`;
}

function setAttention(on) {
  document.body.dataset.attention = on ? "on" : "off";
  button.setAttribute("aria-pressed", String(on));
  localStorage.setItem("attention", on ? "on" : "off");
}

export function showStage(screen, link) {
  if (screen && screen.picture > 0) camera.dataset.seen = "yes";
  showVeil(...veil(screen, link));
  if (!screen) return;
  document.body.dataset.phase = screen.phase;
  sign(byId("camera-sign"), ...cameraSign(screen));
  sign(byId("microphone-sign"), ...microphoneSign(screen));
  button.hidden = !screen.attention && document.body.dataset.attention !== "on";
  attention = screen.attention;
  drawAttention();
}

function veil(screen, link) {
  if (link === "lost") return ["Reconnecting", "The page has lost its kiosk and tries again."];
  if (!screen || screen.phase === "starting") {
    return ["Starting", "The network and the catalog are being loaded."];
  }
  if (screen.phase === "camera lost") {
    return ["Camera lost", "It is opened again as soon as it is back. Check its plug and its power."];
  }
  return ["", ""];
}

function showVeil(title, text) {
  if (title) {
    setText(byId("veil-title"), title);
    setText(byId("veil-text"), text);
    document.body.dataset.veil = "on";
  } else {
    delete document.body.dataset.veil;
  }
}

function cameraSign(screen) {
  if (screen.demo) return ["Recorded clip", "yes"];
  if (screen.phase === "live") return ["Camera on", "yes"];
  return screen.phase === "camera lost" ? ["Camera lost", "lost"] : ["Camera starting", "no"];
}

function microphoneSign(screen) {
  const name = screen.demo ? "Clip sound" : "Microphone";
  return {
    off: [`${name} off`, "no"],
    starting: [`${name} starting`, "no"],
    on: [screen.demo ? "Clip sound heard" : "Microphone on", "yes"],
    lost: [screen.demo ? "Speech lost" : "Microphone lost", "lost"],
    "no model": ["Speech off", "lost"],
  }[screen.hearing];
}

function sign(target, text, on) {
  setText(target, text);
  target.dataset.on = on;
}

// A veil that is thin where the network looks. The map covers the central square of the picture,
// which is all that the network sees.
function drawAttention() {
  const box = camera.getBoundingClientRect();
  const { naturalWidth: width, naturalHeight: height } = camera;
  canvas.width = box.width;
  canvas.height = box.height;
  if (!attention || !width || !height) return;
  const scale = Math.min(box.width / width, box.height / height);
  const [shownWidth, shownHeight] = [width * scale, height * scale];
  const side = Math.min(shownWidth, shownHeight);
  const context = canvas.getContext("2d");
  context.beginPath();
  context.rect((box.width - shownWidth) / 2, (box.height - shownHeight) / 2, shownWidth, shownHeight);
  context.clip();
  context.imageSmoothingQuality = "high";
  context.filter = `blur(${side / attention.side / 3}px)`;
  context.drawImage(thinned(attention), (box.width - side) / 2, (box.height - side) / 2, side, side);
}

function thinned({ side, weights }) {
  const small = new OffscreenCanvas(side, side);
  const context = small.getContext("2d");
  const pixels = context.createImageData(side, side);
  weights.forEach((weight, patch) => {
    pixels.data[patch * 4 + 3] = 255 * VEIL_DARKNESS * (1 - weight);
  });
  context.putImageData(pixels, 0, 0);
  return small;
}
