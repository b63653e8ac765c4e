// Light, dark, or as the device says. Without this file the style sheet follows the device.
(function () {
  "use strict";
  var root = document.documentElement;
  var KEY = "offpeak-theme";
  var WORDS = { auto: "Automatic", light: "Light", dark: "Dark" };
  function stored() {
    try {
      var value = localStorage.getItem(KEY);
      return value in WORDS ? value : "auto";
    } catch (error) {
      return "auto";
    }
  }
  function apply(choice) {
    if (choice === "auto") root.removeAttribute("data-bs-theme");
    else root.setAttribute("data-bs-theme", choice);
  }
  apply(stored());
  document.addEventListener("DOMContentLoaded", function () {
    var select = document.getElementById("theme-choice");
    if (!select) return;
    select.closest("[hidden]").hidden = false;
    select.value = stored();
    select.addEventListener("change", function () {
      try {
        localStorage.setItem(KEY, select.value);
      } catch (error) {
        /* private mode: the choice lasts for this page */
      }
      apply(select.value);
    });
  });
})();
