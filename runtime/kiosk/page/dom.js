export const byId = (id) => document.getElementById(id);

export function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

// Writing the same value again would restart transitions and be read aloud again.
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function itemImage(productId, alt) {
  const image = element("img");
  image.alt = alt;
  image.decoding = "async";
  image.onerror = () => image.classList.add("absent");
  image.src = `/items/${encodeURIComponent(productId)}/image`;
  return image;
}

export const percent = (share) => `${Math.round(share * 100)} %`;
