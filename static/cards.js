// Lists on a phone: every row becomes a card (console.css), and each value needs the name of its
// column beside it. The names are taken from the head of the table, so that they are written once.
// Without scripts the table scrolls sideways instead.
(function () {
  "use strict";
  function name(table) {
    var heads = Array.prototype.map.call(table.tHead.rows[0].cells, function (one) {
      return one.querySelector(".visually-hidden") ? "" : one.textContent.trim();
    });
    table.querySelectorAll("tbody td, tfoot td").forEach(function (cell) {
      var head = heads[cell.cellIndex], value = cell.textContent.trim();
      if (head) cell.dataset.name = head;
      // A card does not tell what is not there; a column must.
      if (value === "–" || (!value && !cell.firstElementChild)) cell.classList.add("is-none");
    });
    table.classList.add("is-named");
  }
  function all() {
    document.querySelectorAll("table.cards:not(.is-named)").forEach(name);
  }
  // htmx says so of the page itself, too, once it is there.
  document.addEventListener("htmx:load", all);
})();
