# One R session of the stand-in. On standard input it gets blocks: a line with the number of lines,
# then so many lines of code. After each it prints the mark, so that the server knows it is done.
# What it defines for itself is hidden from the person's workspace.
local({
  argument <- function(name) {
    start <- paste0("--", name, "=")
    found <- grep(start, commandArgs(trailingOnly = TRUE), fixed = TRUE, value = TRUE)
    substring(found[1], nchar(start) + 1)
  }
  mark <- argument("mark")
  suspended <- file.path(argument("suspended"), "environment")
  input <- file("stdin", open = "r")

  # SIGUSR1 and SIGUSR2 let R save its workspace and quit, by this function where there is one
  # (R 4.2, src/main/saveload.c, R_SaveGlobalEnvToFile). RStudio's sessions have an environment of
  # this name on their search path, too.
  tools <- attach(NULL, name = "tools:rstudio")
  assign("sys.save.image", function(name) {
    draft <- paste0(suspended, ".draft")
    state <- list(objects = as.list(globalenv(), all.names = TRUE), folder = getwd(),
                  packages = .packages())
    saveRDS(state, draft)
    file.rename(draft, suspended)
  }, tools)

  if (file.exists(suspended)) {
    state <- readRDS(suspended)
    list2env(state$objects, globalenv())
    try(setwd(state$folder), silent = TRUE)
    for (package in rev(state$packages)) {
      suppressWarnings(suppressPackageStartupMessages(
        require(package, character.only = TRUE, quietly = TRUE)
      ))
    }
    unlink(suspended)
  }

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
