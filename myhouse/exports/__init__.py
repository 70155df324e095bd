"""Tables as CSV and Excel: one description of what is shown, two writers."""

from myhouse.exports.csv import table_csv
from myhouse.exports.table import Cell, Column, Table, UnableToExport
from myhouse.exports.xlsx import table_xlsx

__all__ = ["Cell", "Column", "Table", "UnableToExport", "table_csv", "table_xlsx"]
