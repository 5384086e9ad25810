// What only a script can add to the shadow trees that Bokeh draws in: the page's colours for
// widgets, and names for those who listen to the page rather than look at it.

const sheet = new CSSStyleSheet();
const rules = document.getElementById("widgets").sheet.cssRules;
sheet.replaceSync(Array.from(rules, (rule) => rule.cssText).join("\n"));

// What a widget's parts are called after: its title, without the value that a slider adds to it.
function titleOf(root) {
  const title = root.querySelector(".bk-slider-title, label");
  return title?.firstChild?.textContent.replace(/: $/, "") || "Value";
}

function nameAll(root, selector, ...endings) {
  const parts = root.querySelectorAll(selector);
  parts.forEach((part, i) => {
    const ending = parts.length > 1 ? (endings[i] ?? "") : "";
    part.setAttribute("aria-label", `${titleOf(root)}${ending}`);
  });
}

function describe(root) {
  nameAll(root, ".noUi-handle", ", from", ", to");
  nameAll(root, ".bk-spin-btn", ", up", ", down");
  nameAll(root, ".bk-input[readonly]");
  // Choices.js gives its search field and what was chosen roles and states that they cannot have.
  root.querySelector(".choices__input[role=textbox]")?.removeAttribute("role");
  for (const chosen of root.querySelectorAll(".choices__list--multiple [aria-selected]")) {
    chosen.removeAttribute("aria-selected");
  }
}

function enter(node) {
  const within = node.querySelectorAll?.("*") ?? [];
  for (const { shadowRoot } of [node, ...within]) {
    if (shadowRoot && !shadowRoot.adoptedStyleSheets.includes(sheet)) {
      shadowRoot.adoptedStyleSheets.push(sheet);
      describe(shadowRoot);
      watch(shadowRoot, () => describe(shadowRoot));
    }
  }
}

// Enters every shadow tree beneath a node, those that are there and those that will be.
export function watch(root, changed = () => {}) {
  root.childNodes.forEach(enter);
  new MutationObserver((changes) => {
    changes.forEach(({ addedNodes }) => addedNodes.forEach(enter));
    changed();
  }).observe(root, { childList: true, subtree: true });
}
