// The transcript: words stay where they are, and only new ones appear.
import { byId, element, setText } from "./dom.js";

const line = byId("words").appendChild(element("span"));

export function showSpeech(screen) {
  const { final, partial } = screen.speech;
  const heard = [...words(final, ""), ...words(partial, "partial")];
  keep(heard);
  const quiet = byId("quiet");
  const [text, tone] = heard.length ? ["", ""] : silence(screen);
  setText(quiet, text);
  quiet.dataset.tone = tone;
}

const words = (text, kind) => text.split(" ").filter(Boolean).map((word) => ({ word, kind }));

function keep(heard) {
  const spans = line.children;
  heard.forEach(({ word, kind }, place) => {
    const span = spans[place] || line.appendChild(element("span"));
    setText(span, `${word} `);
    span.className = kind;
  });
  while (spans.length > heard.length) line.lastChild.remove();
}

function silence(screen) {
  const demo = Boolean(screen.demo);
  return {
    off: ["The microphone is off. Pictures alone decide.", ""],
    starting: ["The microphone is starting.", ""],
    on: [demo ? "Nothing heard in the clip yet." : "Listening.", ""],
    lost: [
      demo ? "Speech recognition is lost and is being restarted."
        : "The microphone is lost and is being opened again.",
      "warn",
    ],
    "no model": ["Speech is off: no speech model was found. Pictures alone decide.", "warn"],
  }[screen.hearing];
}
