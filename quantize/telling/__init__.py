"""What was found, for people and programs.

report       text and JSON
report_html  one HTML file
"""
