"""README, CONTRIBUTING and docs/ against the code: every command, figure, link, hour and picture.

pages.py        reads pages: commands in blocks and in lines, links, headings, tables
table.py        how each command is checked: run, or why not; a new command needs a line here
programs.py     the programs that commands name, each with the parser of its own
workplace.py    a folder in which the documents' commands run, with small data made for them
"""
