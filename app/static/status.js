// The sentence over the plot, and what the viewer can do about it.

const SECONDS = 4;
const place = document.getElementById("status");
let fading;

// Tells how things are; what is good news goes away by itself.
export function tell(text, { good = false, error = false, action = null } = {}) {
  clearTimeout(fading);
  place.classList.toggle("good", good);
  place.classList.toggle("error", error);
  place.replaceChildren(text);
  if (action) {
    place.append(action);
  }
  if (good) {
    fading = setTimeout(clear, SECONDS * 1000);
  }
}

// Says nothing, as long as all is well.
export function clear() {
  clearTimeout(fading);
  place.replaceChildren();
}

// Tells what only a new session can mend.
export function offerReload(text) {
  const button = document.createElement("button");
  button.textContent = "Reload the page";
  button.addEventListener("click", () => location.reload());
  tell(text, { error: true, action: button });
}

// Tells what can be mended on another page only.
export function leave(text, title, path) {
  const link = document.createElement("a");
  link.className = "button";
  link.href = path;
  link.textContent = title;
  tell(text, { error: true, action: link });
}
