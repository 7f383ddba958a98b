"""The terminal twin of the bot: the same grammar and operations, shown in a terminal or as JSON.

Read in this order: `cli` (what is typed after `ds-bot shell`), `session` (one command from its line
to its result), `carrier` (who carries an operation out), `terminal` and `documents` (how a result
is shown to people and to programs).
"""
