"""ds-bot: VMs, RStudio and Shiny for data-science teams, by Slack message."""
