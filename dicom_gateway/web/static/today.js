// What becomes late without any change is seen within a minute.
(() => {
  "use strict";
  setInterval(() => {
    const board = document.getElementById("board");
    if (board && !document.hidden) htmx.trigger(board, "live");
  }, 60000);
})();
