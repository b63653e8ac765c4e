// Lists on a phone: every row becomes a card (console.css), and each value needs the name of its
// column beside it. The names are taken from the head of the table, so that they are written once.
// A browser that no longer lays a table out as one may no longer read it out as one either, so the
// roles are said. Without scripts the table scrolls sideways instead.
(function () {
  "use strict";
  var ROLES = [
    ["thead, tbody, tfoot", "rowgroup"], ["tr", "row"], ["td", "cell"],
    ["th[scope=col]", "columnheader"], ["th[scope=row]", "rowheader"]
  ];
  function say(table) {
    table.setAttribute("role", "table");
    ROLES.forEach(function (one) {
      table.querySelectorAll(one[0]).forEach(function (part) {
        part.setAttribute("role", one[1]);
      });
    });
  }
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
    say(table);
    table.classList.add("is-named");
  }
  function all() {
    document.querySelectorAll("table.cards:not(.is-named)").forEach(name);
  }
  // htmx says so of the page itself, too, once it is there.
  document.addEventListener("htmx:load", all);
})();
