// A chart wider than its place, as on a phone, opens at the event and not two hours before it.
// Where the reader moved it to it stays, also when the part of the page it is in is replaced; while
// it is being moved that waits for the next time. Without scripts it opens at its beginning.
(function () {
  "use strict";
  var places = {}, // how far each was moved, by its name
    moved = -Infinity; // when one was, last
  function place(event) {
    var chart = event.closest(".table-scroll"), name = chart && chart.getAttribute("aria-label");
    if (!chart || chart.classList.contains("is-placed")) return;
    var box = chart.getBoundingClientRect();
    // A little of the time before the event says how it was.
    var start = event.getBoundingClientRect().left - box.left - box.width / 6;
    chart.scrollLeft = name in places ? places[name] : start;
    chart.classList.add("is-placed");
  }
  function all() {
    document.querySelectorAll(".plot .event-time").forEach(place);
  }
  function follow(event) {
    if (!event.target.classList || !event.target.classList.contains("is-placed")) return;
    places[event.target.getAttribute("aria-label")] = event.target.scrollLeft;
    moved = performance.now();
  }
  function wait(event) {
    var part = event.detail.target, chart = part && part.querySelector(".table-scroll.is-placed");
    if (chart && performance.now() - moved < 1000) event.detail.shouldSwap = false;
  }
  document.addEventListener("scroll", follow, true); // it does not bubble
  document.addEventListener("htmx:beforeSwap", wait);
  document.addEventListener("htmx:afterSwap", all); // before anybody sees it at its beginning
  document.addEventListener("htmx:load", all); // of the page itself, too
})();
