// Connects the page to its live Bokeh session, and tells the viewer how the connection is.
"use strict";

(async () => {
  const status = document.getElementById("status");
  const reload = document.getElementById("reload");
  const { token, path } = JSON.parse(document.getElementById("session").textContent);

  function tell(text, { lost = false } = {}) {
    status.textContent = text;
    status.hidden = text === "";
    reload.hidden = !lost;
  }

  reload.addEventListener("click", () => location.reload());

  // Resolves without a view, rather than rejecting, when the session cannot be opened.
  const item = { token, elementid: "plot", use_for_title: false };
  const [view] = await Bokeh.embed.embed_items({}, [item], path);
  if (view === undefined) {
    // The slot may have filled up, or ended, since the page was made: another one may have a place.
    if (performance.getEntriesByType("navigation")[0].type !== "reload") {
      location.reload();
      return;
    }
    tell("The plot could not be opened: your login may have ended, or the site is restarting.", {
      lost: true,
    });
    return;
  }
  tell("");

  const live = view.roots[0].model.document;
  live.on_event("connection_lost", (_document, event) => {
    if (event.timeout === null) {
      tell("The connection was lost, and with it this session.", { lost: true });
    } else {
      tell("The connection was lost. Reconnecting …");
    }
  });
  live.on_event("client_reconnected", () => tell(""));
})();
