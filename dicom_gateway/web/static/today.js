// What somebody has opened or closed stays so when the list is fetched again; what becomes late without any change is
// seen within a minute.
(() => {
  "use strict";
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.tagName === "DETAILS");
  setInterval(() => {
    const board = document.getElementById("board");
    if (board && !document.hidden) htmx.trigger(board, "live");
  }, 60000);
})();
