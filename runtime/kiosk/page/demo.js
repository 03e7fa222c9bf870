// The demo's clips: what each one was meant to show is told only after its answer.
import { byId, element, setText } from "./dom.js";

const sound = new Audio();
const button = byId("sound-button");
const cards = [];
let audible = false;
let run = 0;

sound.preload = "none";
button.addEventListener("click", () => {
  audible = !audible;
  button.setAttribute("aria-pressed", String(audible));
  if (!audible) sound.pause();
  run = 0;
});

export function showDemo(screen) {
  const demo = screen.demo;
  byId("demo").hidden = !demo;
  button.hidden = !demo || screen.hearing === "off";
  if (!demo) return;
  demo.clips.forEach((clip) => showCard(clip, clip.number === demo.playing));
  setText(byId("verdict"), verdict(demo));
  if (audible && demo.playing !== null && demo.run !== run) begin(screen);
}

function verdict(demo) {
  const clip = demo.clips[demo.playing];
  if (!clip || !demo.answered) return "";
  const found = clip.answer ? `found ${clip.answer_title}` : "not sure";
  return `Clip ${clip.number + 1}: ${found}, expected ${clip.expected_title}`;
}

// Joined late, the sound goes on from where the picture is.
function begin({ demo, event }) {
  run = demo.run;
  if (demo.answered) return;
  sound.src = `/demo/sound/${demo.playing}`;
  sound.currentTime = event ? event.time_s : 0;
  sound.play().catch(() => {});
}

function showCard(clip, current) {
  const card = cards[clip.number] || admit(clip);
  card.button.setAttribute("aria-current", String(current));
  if (clip.correct === null) return;
  setText(card.mark, clip.correct ? "✓" : "✗");
  card.mark.classList.toggle("wrong", !clip.correct);
  setText(card.found, clip.answer ? clip.answer_title : "not sure");
  card.button.title = `expected ${clip.expected_title}`;
}

function admit(clip) {
  const card = { button: element("button", "clip"), mark: element("span", "mark") };
  card.found = element("span");
  const head = element("b", "", `Clip ${clip.number + 1}`);
  head.append(card.mark);
  card.button.type = "button";
  card.button.append(head, card.found);
  card.button.addEventListener("click", () => {
    fetch(`/demo/play/${clip.number}`, { method: "POST" }).catch(() => {});
  });
  const entry = element("li");
  entry.append(card.button);
  byId("clips").append(entry);
  cards[clip.number] = card;
  return card;
}
