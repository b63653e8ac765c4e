// A page that comes back with something wrong: the keys go to the first field that is marked, or to
// the sentence that says it. Without this file they begin at the top of the page.
(function () {
  "use strict";
  var main = document.getElementById("content");
  if (!main) return;
  var wrong = main.querySelector("[aria-invalid=true]:not([type=hidden])");
  var said = Array.prototype.find.call(main.querySelectorAll("[role=alert]"), function (one) {
    return one.textContent.trim(); // some wait, empty, for what a fragment may bring
  });
  if (wrong) wrong.focus();
  else if (said) {
    said.setAttribute("tabindex", "-1");
    said.focus();
  }
})();
