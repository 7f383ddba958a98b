# The sandbox's sample app: a plot and a sentence that follow one slider.
library(shiny)

page <- fluidPage(
  titlePanel("Old Faithful"),
  sidebarLayout(
    sidebarPanel(
      sliderInput("bins", "Number of bins", min = 5, max = 50, value = 20),
      helpText("A sample app: put your own into /srv/shiny-server.")
    ),
    mainPanel(plotOutput("histogram"), textOutput("summary"))
  )
)

serve <- function(input, output) {
  output$histogram <- renderPlot(
    hist(faithful$waiting, breaks = input$bins, col = "steelblue", border = "white",
         main = "Waiting time to the next eruption", xlab = "minutes")
  )
  output$summary <- renderText(sprintf(
    "%d eruptions; mean wait %.1f minutes. R %s.%s on %s.", nrow(faithful),
    mean(faithful$waiting), R.version$major, R.version$minor, Sys.info()[["nodename"]]
  ))
}

shinyApp(page, serve)
