# One R session of the stand-in. On standard input it gets blocks: a line with the number of lines,
# then so many lines of code. After each it prints the mark, so that the server knows it is done.
# What it defines for itself is hidden from the person's workspace.
local({
  arguments <- commandArgs(trailingOnly = TRUE)
  mark <- sub("^--mark=", "", grep("^--mark=", arguments, value = TRUE))
  input <- file("stdin", open = "r")

  run <- function(code) {
    for (expression in parse(text = code, keep.source = FALSE)) {
      result <- withVisible(eval(expression, globalenv()))
      if (result$visible) print(result$value)
    }
  }

  repeat {
    size <- readLines(input, n = 1)
    if (length(size) == 0) break
    code <- readLines(input, n = as.integer(size))
    tryCatch(
      withCallingHandlers(run(code), warning = function(w) {
        cat("Warning: ", conditionMessage(w), "\n", sep = "")
        invokeRestart("muffleWarning")
      }),
      error = function(e) cat("Error: ", conditionMessage(e), "\n", sep = ""),
      interrupt = function(i) cat("Interrupted\n")
    )
    cat("\n", mark, "\n", sep = "")
    flush(stdout())
  }
})
