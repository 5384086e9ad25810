// What only a script can add to the shadow trees that Bokeh draws in: the page's colours for
// widgets, and names for those who listen to the page rather than look at it.

const sheet = new CSSStyleSheet();
const rules = document.getElementById("widgets").sheet.cssRules;
sheet.replaceSync(Array.from(rules, (rule) => rule.cssText).join("\n"));

function nameHandles(root) {
  const title = root.querySelector(".bk-slider-title")?.firstChild?.textContent.replace(/: $/, "");
  const handles = root.querySelectorAll(".noUi-handle");
  handles.forEach((handle, i) => {
    const end = handles.length > 1 ? [", from", ", to"][i] : "";
    handle.setAttribute("aria-label", `${title || "Value"}${end}`);
  });
}

// Dresses every shadow tree beneath a node, those that are there and those that will be.
export function dress(root) {
  if (root instanceof ShadowRoot) {
    root.adoptedStyleSheets.push(sheet);
    nameHandles(root);
  }
  const enter = (node) => {
    for (const host of [node, ...(node.querySelectorAll?.("*") ?? [])]) {
      if (host.shadowRoot && !host.shadowRoot.adoptedStyleSheets.includes(sheet)) {
        dress(host.shadowRoot);
      }
    }
  };
  root.childNodes.forEach(enter);
  new MutationObserver((changes) => {
    changes.forEach(({ addedNodes }) => addedNodes.forEach(enter));
    if (root instanceof ShadowRoot) {
      nameHandles(root);
    }
  }).observe(root, { childList: true, subtree: true });
}
