"""What a policy would cost: lives of VMs, judged by the bot's own rules and by those of others."""
