// Bokeh's models in the page's own colours, light or dark as the viewer's system is. Colours that a
// plot sets itself stay as they are, and nothing of this is sent to the server.

// The page's colour, of site.css, for each that Bokeh's models have unless a plot sets another.
const OWN = {
  "#ffffff": "--card",
  white: "--card",
  black: "--dim",
  "#000000": "--dim",
  "#444444": "--ink",
  "#e5e5e5": "--line",
  "#e6e6e6": "--line",
};
const dark = matchMedia("(prefers-color-scheme: dark)");
// What properties were given since they were made, to tell it from what a plot sets.
const given = new WeakMap();

function own(property) {
  if (!property.attr.endsWith("_color")) {
    return undefined;
  }
  const name = OWN[property.default_value(property.obj)];
  return name && getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function paint(model) {
  const changed = [];
  for (const property of model) {
    const color = own(property);
    if (color && (!property.dirty || property.get_value() === given.get(property))) {
      changed.push([property, color]);
    }
  }
  model.setv(Object.fromEntries(changed.map(([{ attr }, color]) => [attr, color])), { sync: false });
  for (const [property] of changed) {
    given.set(property, property.get_value());
  }
}

// BokehJS leaves the outermost half of a pixel as it was, in the colours of before.
function wipe(root) {
  for (const element of root.querySelectorAll("*")) {
    if (element instanceof HTMLCanvasElement) {
      element.width = element.width;
    } else if (element.shadowRoot) {
      wipe(element.shadowRoot);
    }
  }
}

// From here on, models are made in the page's colours, and follow the viewer's system.
export function followColors() {
  Bokeh.require("core/properties").use_theme({ get: (model, attr) => own(model.property(attr)) });
  dark.addEventListener("change", () => {
    wipe(document);
    for (const live of Bokeh.documents) {
      live.all_models.forEach(paint);
    }
  });
}
