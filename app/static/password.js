// Puts the token of the link into the form, and out of the address bar and the history.
"use strict";

function take() {
  const token = location.hash.slice(1);
  if (token !== "") {
    document.getElementById("token").value = token;
    document.getElementById("by-hand").hidden = true;
    history.replaceState(null, "", location.pathname);
  }
}

take();
// Another link that is opened in the same tab does not load the page anew.
addEventListener("hashchange", take);
