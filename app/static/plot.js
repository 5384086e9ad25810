// Connects the page to its live Bokeh session, and tells the viewer how the connection is.

import { followColors } from "./colors.js";
import { saveDownloads } from "./downloads.js";
import { watch } from "./shadows.js";
import { clear, leave, offerReload, tell } from "./status.js";

const { token, path, name, request } = JSON.parse(document.getElementById("session").textContent);
const place = document.getElementById("plot");

// What the site says of this viewer, as a status: that the login has ended, that the plot is no
// longer open to it, that it has too many open; or nothing, if the site cannot be reached.
async function refusal() {
  try {
    return (await fetch(`/state/${name}`)).status;
  } catch {
    return null;
  }
}

function tellRefusal(status) {
  switch (status) {
    case 401: {
      const back = encodeURIComponent(location.pathname + location.search);
      leave("You have been signed out.", "Sign in again", `/login?next=${back}`);
      return true;
    }
    case 403:
      leave("You may no longer open this plot.", "All plots", "/");
      return true;
    default:
      return false;
  }
}

function tellFailure() {
  place.hidden = true;
  offerReload(`The plot failed. The log tells more of request ${request}.`);
}

async function notOpened() {
  place.hidden = true;
  const status = await refusal();
  if (tellRefusal(status)) {
    return;
  }
  if (status === 429) {
    offerReload("Too many plots are open, or opened at once: close some, or wait a moment.");
    return;
  }
  // The slot may have filled up, or ended, since the page was made: another one may have a place.
  if (performance.getEntriesByType("navigation")[0].type !== "reload") {
    location.reload();
    return;
  }
  offerReload(
    "The plot could not be opened: its session was ended, the site is restarting, or too many " +
      "plots are open from your network.",
  );
}

async function lost({ connection, timeout }) {
  const ended = timeout === null;
  if (ended) {
    offerReload("The connection was lost, and with it this session.");
  } else {
    tell("The connection was lost. Reconnecting …");
  }
  if (tellRefusal(await refusal())) {
    // The token in this page will never be taken again.
    connection.deref()?.close();
  }
}

async function open() {
  followColors();
  watch(document.body);
  // Resolves without a view, rather than rejecting, when the session cannot be opened.
  const item = { token, elementid: place.id, use_for_title: false };
  const [view] = await Bokeh.embed.embed_items({}, [item], path);
  if (view === undefined) {
    await notOpened();
    return;
  }
  const live = Bokeh.documents[0];
  const look = () => (live.roots().length === 0 ? tellFailure() : clear());
  look();
  saveDownloads(live);
  live.on_event("connection_lost", (_document, event) => lost(event));
  live.on_event("client_reconnected", () => {
    look();
    if (live.roots().length > 0) {
      tell("Connected again.", { good: true });
    }
  });
}

await open();
