// Pages that ask for themselves: say so when the connection is lost, and when it is back.
// htmx goes on asking at its own pace; what is shown meanwhile is the last answer.
(function () {
  "use strict";
  if (window.htmx) window.htmx.config.timeout = 10000; // a connection that hangs is lost, too
  var note = document.createElement("p");
  note.className = "note note-yellow live-note";
  note.setAttribute("role", "status");
  note.hidden = true;
  var last = new Date(); // of the last answer

  function lost(event) {
    // Only what asks by itself; a form that fails has its own answer.
    if (event.detail.requestConfig && event.detail.requestConfig.verb !== "get") return;
    var when = last.toLocaleTimeString([], { timeZoneName: "short" });
    note.textContent = "Connection lost, trying again. What you see is from " + when + ".";
    note.hidden = false;
  }
  function back(event) {
    if (!event.detail.successful) return;
    last = new Date();
    note.hidden = true;
  }
  // Signed out meanwhile: the whole page must say so, not a part of it.
  function signedOut(event) {
    var path = new URL(event.detail.xhr.responseURL || location.href).pathname;
    if (path.indexOf("/accounts/") !== 0) return;
    event.detail.shouldSwap = false;
    location.reload();
  }
  // A part that is replaced while somebody stands in it by keyboard: they stand on the same link or
  // button of the new part, not at the top of the page. (htmx does so only for what has an id.)
  var stood = null;
  function what(one) {
    var place = one.getAttribute("href") || (one.form && one.form.getAttribute("action"));
    return [one.tagName, place, one.getAttribute("href") ? "" : one.textContent.trim()].join("|");
  }
  function alike(part, name) {
    return Array.prototype.filter.call(
      part.querySelectorAll("a[href], button, summary, [tabindex]"),
      function (one) { return what(one) === name; }
    );
  }
  function leave(event) {
    var part = event.detail.target, on = document.activeElement;
    if (!part || !part.id || on === part || !part.contains(on) || on.id) return;
    stood = { part: part.id, name: what(on), place: alike(part, what(on)).indexOf(on) };
  }
  function stand() {
    var part = stood && document.getElementById(stood.part);
    var same = part && alike(part, stood.name)[stood.place];
    if (same && document.activeElement === document.body) same.focus({ preventScroll: true });
    stood = null;
  }
  document.addEventListener("DOMContentLoaded", function () {
    var main = document.getElementById("content");
    if (main) main.insertBefore(note, main.firstChild);
    // A report on paper has its tables, too.
    window.addEventListener("beforeprint", function () {
      document.querySelectorAll("details.fold").forEach(function (one) {
        if (!one.querySelector("form")) one.open = true;
      });
    });
    var print = document.querySelector("[data-print]");
    if (!print) return;
    print.hidden = false;
    print.addEventListener("click", function () {
      window.print();
    });
  });
  document.addEventListener("htmx:sendError", lost);
  document.addEventListener("htmx:timeout", lost);
  document.addEventListener("htmx:responseError", lost);
  document.addEventListener("htmx:afterRequest", back);
  document.addEventListener("htmx:beforeSwap", signedOut);
  document.addEventListener("htmx:beforeSwap", leave);
  document.addEventListener("htmx:afterSwap", stand);
})();
