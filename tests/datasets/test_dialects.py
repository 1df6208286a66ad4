"""CSV dialects and defects: each file is read right, or refused with its line, its column and what to do.

Every case is read by the csv module and by pyarrow, whole and in batches of two rows, with the same result.
"""

import contextlib
import csv
import gzip
import io
import math

import numpy as np
import pytest
from compiled_nn.datasets import Table, iter_table, read_table
from compiled_nn.datasets.table_files import csv_arrow, csv_streams
from hypothesis import given, settings
from hypothesis import strategies as st

D = np.datetime64
BOM = "\ufeff"


def utf8(text):
    return text.encode()


# Name: (content, options, columns): a column is the list of its values, None where one is missing.
READ = {
    # delimiters
    "commas": (b"a,b\n1,x\n2,y\n", {}, {"a": [1, 2], "b": ["x", "y"]}),
    "semicolons": (b"a;b\n1;x\n2;y\n", {}, {"a": [1, 2], "b": ["x", "y"]}),
    "tabs": (b"a\tb\n1\tx\n2\ty\n", {}, {"a": [1, 2], "b": ["x", "y"]}),
    "bars": (b"a|b\n1|x\n2|y\n", {}, {"a": [1, 2], "b": ["x", "y"]}),
    "aligned by spaces": (b"a   b\n1   x\n22  y\n", {}, {"a": [1, 22], "b": ["x", "y"]}),
    "spaces with dates": (
        b"day temp\n2024-01-01 1.5\n2024-01-02 2\n",
        {},
        {"day": [D("2024-01-01"), D("2024-01-02")], "temp": [1.5, 2.0]},
    ),
    "another delimiter, given": (b"a:b\n1:x\n", {"delimiter": ":"}, {"a": [1], "b": ["x"]}),
    "delimiter beyond ASCII": (utf8("a¦b\n1¦x\n"), {"delimiter": "¦"}, {"a": [1], "b": ["x"]}),
    "sep= of Excel": (b"sep=;\r\na;b\r\n1;2\r\n", {}, {"a": [1], "b": [2]}),
    "sep= of Excel, which wins": (b"sep=,\na;x,b\n1;2,3\n", {}, {"a;x": ["1;2"], "b": [3]}),
    "semicolons and decimal commas": (b"1,5;2,5\n3,5;4\n", {}, {0: [1.5, 3.5], 1: [2.5, 4.0]}),
    "text with commas between semicolons": (
        b"who;n\nDoe, Jane;1\nRoe, John;2\n",
        {},
        {"who": ["Doe, Jane", "Roe, John"], "n": [1, 2]},
    ),
    "one column": (b"a\n1\n2\n", {}, {"a": [1, 2]}),
    "one column of sentences": (b"note\nhello world\ngood bye\n", {}, {"note": ["hello world", "good bye"]}),
    # quotes
    "quotes": (b'a,b\n"1","x, y"\n"2","z"\n', {}, {"a": [1, 2], "b": ["x, y", "z"]}),
    "doubled quotes": (b'a,b\n1,"say ""hi"""\n', {}, {"a": [1], "b": ['say "hi"']}),
    "quotes with a backslash": (
        b'a,b\n1,"say \\"hi\\", he"\n2,x\n',
        {},
        {"a": [1, 2], "b": ['say "hi", he', "x"]},
    ),
    "a backslash at the end of a cell": (
        b'a,b\n"C:\\",1\n"D:\\",2\n',
        {},
        {"a": ["C:\\", "D:\\"], "b": [1, 2]},
    ),
    "apostrophes as quotes": (b"a,b\n'x, y',1\n'z',2\n", {}, {"a": ["x, y", "z"], "b": [1, 2]}),
    "apostrophes in words": (b"a,b\nO'Neill,1\nD'Arcy,2\n", {}, {"a": ["O'Neill", "D'Arcy"], "b": [1, 2]}),
    "one word in apostrophes": (b"a,b\n'x',1\ny,2\n", {}, {"a": ["'x'", "y"], "b": [1, 2]}),
    "a quote given": (b"a,b\n^x, y^,1\n", {"quote": "^"}, {"a": ["x, y"], "b": [1]}),
    "inches within a cell": (b'a,b\n5" pipe,1\n6" pipe,2\n', {}, {"a": ['5" pipe', '6" pipe'], "b": [1, 2]}),
    "no quotes": (b'a,b\n"x,1\n', {"quote": ""}, {"a": ['"x'], "b": [1]}),
    "quoted line breaks": (
        b'a,b\n1,"two\nlines"\n2,"three\r\nmore"\n',
        {},
        {"a": [1, 2], "b": ["two\nlines", "three\r\nmore"]},
    ),
    "a quoted line break in the header": (b'"a\nb",c\n1,2\n', {}, {"a\nb": [1], "c": [2]}),
    "spaces after commas": (b"a, b\n1, x\n2, y\n", {}, {"a": [1, 2], "b": ["x", "y"]}),
    "a quote after a space": (b'a, b\n1, "x, y"\n2, "z"\n', {}, {"a": [1, 2], "b": ["x, y", "z"]}),
    "spaces around numbers": (b"a,b\n 1 ,x\n2  , y \n", {}, {"a": [1, 2], "b": ["x", "y"]}),
    # lines
    "CR LF": (b"a,b\r\n1,x\r\n2,y\r\n", {}, {"a": [1, 2], "b": ["x", "y"]}),
    "CR": (b"a,b\r1,x\r2,y\r", {}, {"a": [1, 2], "b": ["x", "y"]}),
    "mixed line ends": (b"a,b\r\n1,x\n2,y\r3,z", {}, {"a": [1, 2, 3], "b": ["x", "y", "z"]}),
    "no line end at the end": (b"a,b\n1,x", {}, {"a": [1], "b": ["x"]}),
    "blank lines": (b"\n\na,b\n\n1,x\n   \n2,y\n\n\n", {}, {"a": [1, 2], "b": ["x", "y"]}),
    "a delimiter at the end of all lines": (b"a,b,\n1,x,\n2,y,\n", {}, {"a": [1, 2], "b": ["x", "y"]}),
    "a delimiter at the end of the rows": (b"a,b\n1,x,\n2,y,\n", {}, {"a": [1, 2], "b": ["x", "y"]}),
    "rows of delimiters": (b"a,b\n1,x\n,\n", {}, {"a": [1.0, None], "b": ["x", None]}),
    # encodings
    "UTF-8": (utf8("a,b\nü,1\n漢,2\n"), {}, {"a": ["ü", "漢"], "b": [1, 2]}),
    "UTF-8 with a byte order mark": (utf8(BOM + "a,b\n1,x\n"), {}, {"a": [1], "b": ["x"]}),
    "UTF-16": ((BOM + "a,b\nü,2\n").encode("utf-16-le"), {}, {"a": ["ü"], "b": [2]}),
    "UTF-16, big end first": ((BOM + "a,b\nü,2\n").encode("utf-16-be"), {}, {"a": ["ü"], "b": [2]}),
    "UTF-32": ((BOM + "a,b\nü,2\n").encode("utf-32-le"), {}, {"a": ["ü"], "b": [2]}),
    "cp1252": ("a,b\nü,2\n".encode("cp1252"), {"encoding": "cp1252"}, {"a": ["ü"], "b": [2]}),
    "UTF-16 without a mark": (
        "a,b\nü,2\n".encode("utf-16-le"),
        {"encoding": "utf-16-le"},
        {"a": ["ü"], "b": [2]},
    ),
    "gzip": (gzip.compress(b"a,b\n1,x\n"), {}, {"a": [1], "b": ["x"]}),
    "gzip in two parts": (
        gzip.compress(b"a,b\n1,x\n") + gzip.compress(b"2,y\n"),
        {},
        {"a": [1, 2], "b": ["x", "y"]},
    ),
    # header
    "no header": (b"1,2\n3,4\n", {}, {0: [1, 3], 1: [2, 4]}),
    "no header, text": (
        b"39,male\n50,male\n38,female\n",
        {},
        {0: [39, 50, 38], 1: ["male", "male", "female"]},
    ),
    "no header, only text": (b"p,x\ne,x\np,y\n", {}, {0: ["p", "e", "p"], 1: ["x", "x", "y"]}),
    "no header, one row": (b"1,x\n", {"header": False}, {0: [1], 1: ["x"]}),
    "a header of numbers, given": (b"name,2019\nulm,5\n", {"header": True}, {"name": ["ulm"], "2019": [5]}),
    "a row of numbers in steps": (b"1,2,3\n4,5,6\n", {}, {0: [1, 4], 1: [2, 5], 2: [3, 6]}),
    "rows of years": (b"2019,2020\n2001,2002\n", {}, {0: [2019, 2001], 1: [2020, 2002]}),
    "a header of numbers in quotes": (b'"2019","7"\n1,2\n3,4\n', {}, {"2019": [1, 3], "7": [2, 4]}),
    "a header with a year in quotes": (b'"id","2019"\n1,2\n3,4\n', {}, {"id": [1, 3], "2019": [2, 4]}),
    "all cells in quotes": (b'"1","7"\n"3","4"\n', {}, {0: [1, 3], 1: [7, 4]}),
    "a header of dates above numbers": (
        b"2019-12-31,2020-12-31\n1,2\n3,4\n",
        {},
        {"2019-12-31": [1, 3], "2020-12-31": [2, 4]},
    ),
    "a header of text": (
        b"name,city\nAda,Ulm\nBob,Bonn\n",
        {},
        {"name": ["Ada", "Bob"], "city": ["Ulm", "Bonn"]},
    ),
    "names by an option": (b"x,y\n1,2\n", {"columns": ["y"]}, {"y": [2]}),
    "an index of pandas": (b",a\n0,5\n1,6\n", {}, {"Unnamed: 0": [0, 1], "a": [5, 6]}),
    "columns in another order": (b"a,b,c\n1,2,3\n", {"columns": ["c", "a"]}, {"c": [3], "a": [1]}),
    "an ignored column": (b"a,b\n1,x\n", {"column_types": {"a": "ignore"}}, {"b": ["x"]}),
    # numbers
    "numbers": (b"a,b,c\n1,-.5,1e3\n+2,2.,1E-1\n", {}, {"a": [1, 2], "b": [-0.5, 2.0], "c": [1000.0, 0.1]}),
    "infinite numbers": (b"a\ninf\n-Infinity\n1\n", {}, {"a": [math.inf, -math.inf, 1.0]}),
    "leading zeros": (b"zip,n\n01234,1\n56789,2\n", {}, {"zip": ["01234", "56789"], "n": [1, 2]}),
    "007 and 7": (b"a,b\n007,1\n7,2\n", {}, {"a": ["007", "7"], "b": [1, 2]}),
    "leading zeros, given": (b"a\n007\n7\n", {"column_types": {"a": "number"}}, {"a": [7, 7]}),
    "numbers as text": (b"a\n1\n1.0\n", {"column_types": {"a": "category"}}, {"a": ["1", "1.0"]}),
    "whole numbers of 20 digits": (
        b"a,b\n12345678901234567890,1\n1,2\n",
        {},
        {"a": ["12345678901234567890", "1"], "b": [1, 2]},
    ),
    "whole numbers of 17 digits with a gap": (
        b"a,b\n12345678901234567,1\n,2\n",
        {},
        {"a": ["12345678901234567", None], "b": [1, 2]},
    ),
    "decimal commas": (b"a;b\n1,5;x\n-2,25;y\n", {}, {"a": [1.5, -2.25], "b": ["x", "y"]}),
    "1,234.5": (b'a,b\n"1,234.5",1\n2.5,2\n', {}, {"a": [1234.5, 2.5], "b": [1, 2]}),
    "1.234,5": (b"a;b\n1.234,5;1\n2,5;2\n", {}, {"a": [1234.5, 2.5], "b": [1, 2]}),
    "1 234,5": (b"a;b\n1 234,5;1\n2,5;2\n", {}, {"a": [1234.5, 2.5], "b": [1, 2]}),
    "no-break spaces": (
        utf8("a;b\n1\u00a0234,5;1\n1\u202f000;2\n".replace("\u202f", "\u00a0")),
        {},
        {"a": [1234.5, 1000.0], "b": [1, 2]},
    ),
    "1'234.5": (b"a;b\n1'234.5;1\n2.5;2\n", {}, {"a": [1234.5, 2.5], "b": [1, 2]}),
    "1,234,567": (b'a,b\n"1,234,567",1\n"1,000",2\n', {}, {"a": [1234567, 1000], "b": [1, 2]}),
    "1,234 beside 2.5": (b'a;b\n"1,234";2.5\n', {}, {"a": [1234], "b": [2.5]}),
    "1,234 beside 2,5": (b"a;b\n1,234;2,5\n", {}, {"a": [1.234], "b": [2.5]}),
    "1.234 beside 2,5": (b"a;b\n1.234;2,5\n", {}, {"a": [1234], "b": [2.5]}),
    "1.234 alone": (b"a;b\n1.234;x\n", {}, {"a": [1.234], "b": ["x"]}),
    "1.234 with a decimal comma": (b"a;b\n1.234;x\n", {"decimal": ","}, {"a": [1234], "b": ["x"]}),
    "1,234 with a decimal comma": (b"a;b\n1,234;x\n", {"decimal": ","}, {"a": [1.234], "b": ["x"]}),
    "1,234 with a decimal point": (b"a;b\n1,234;x\n", {"decimal": "."}, {"a": [1234], "b": ["x"]}),
    "a mark of thousands, given": (b"a;b\n1_234;x\n", {"thousands": "_"}, {"a": [1234], "b": ["x"]}),
    "wrong groups are text": (b"a;b\n1,23,456;x\n", {}, {"a": ["1,23,456"], "b": ["x"]}),
    "percent and currency are text": (
        b"a,b,c\n5%,$3,1\n6%,$4,2\n",
        {},
        {"a": ["5%", "6%"], "b": ["$3", "$4"], "c": [1, 2]},
    ),
    "underscores are text": (b"a,b\n1_0,1\n2,2\n", {}, {"a": ["1_0", "2"], "b": [1, 2]}),
    "other digits are text": (utf8("a,b\n\u0661,1\n2,2\n"), {}, {"a": ["\u0661", "2"], "b": [1, 2]}),
    "hexadecimal is text": (b"a,b\n0x10,1\n2,2\n", {}, {"a": ["0x10", "2"], "b": [1, 2]}),
    "one word makes a column text": (b"a,b\n1,1\n2,2\nx,3\n", {}, {"a": ["1", "2", "x"], "b": [1, 2, 3]}),
    # missing values
    "missing numbers": (
        b"a,b\n1,1\n,2\nNA,3\nN/A,4\nnan,5\nnull,6\nNone,7\n-,8\n?,9\n#N/A,10\n",
        {},
        {"a": [1.0] + [None] * 9, "b": list(range(1, 11))},
    ),
    "Namibia and None are text": (
        b"code,roof,n\nNA,None,1\nDE,Tile,2\n,?,3\n",
        {},
        {"code": ["NA", "DE", None], "roof": ["None", "Tile", "?"], "n": [1, 2, 3]},
    ),
    "missing text": (b'a,b\n,1\n"",2\nNaN,3\nx,4\n', {}, {"a": [None, None, None, "x"], "b": [1, 2, 3, 4]}),
    "missing by an option": (
        b"a,b\nx,1\nunknown,-9\n",
        {"missing": ["unknown", "-9"]},
        {"a": ["x", None], "b": [1.0, None]},
    ),
    "a column without values": (b"a,b\n,1\n,2\n", {}, {"a": [None, None], "b": [1, 2]}),
    "missing in a column of one": (b'a\n1\n""\n3\n', {}, {"a": [1.0, None, 3.0]}),
    # booleans
    "booleans": (b"a,b\ntrue,1\nfalse,2\nTRUE,3\n", {}, {"a": [True, False, True], "b": [1, 2, 3]}),
    "booleans with a gap": (b"a,b\nTrue,1\n,2\n", {}, {"a": [1.0, None], "b": [1, 2]}),
    "booleans as text": (b"a\nTrue\nFalse\n", {"column_types": {"a": "category"}}, {"a": ["True", "False"]}),
    "yes and no are text": (b"a,b\nyes,1\nno,2\n", {}, {"a": ["yes", "no"], "b": [1, 2]}),
    # dates
    "ISO dates": (b"a,b\n2024-02-29,1\n,2\n", {}, {"a": [D("2024-02-29"), None], "b": [1, 2]}),
    "ISO times": (
        b"a,b\n2024-01-01T10:00,1\n2024-01-01 10:00:01.5,2\n2024-01-02,3\n",
        {},
        {"a": [D("2024-01-01T10:00"), D("2024-01-01T10:00:01.5"), D("2024-01-02")], "b": [1, 2, 3]},
    ),
    "ISO times with offsets": (
        b"a,b\n2024-01-01T10:00:00Z,1\n2024-01-01T10:00:00+02:00,2\n2024-01-01T10:00:00-0130,3\n",
        {},
        {"a": [D("2024-01-01T10:00"), D("2024-01-01T08:00"), D("2024-01-01T11:30")], "b": [1, 2, 3]},
    ),
    "times with and without an offset are text": (
        b"a,b\n2024-01-01T10:00:00Z,1\n2024-01-01T10:00:00,2\n",
        {},
        {"a": ["2024-01-01T10:00:00Z", "2024-01-01T10:00:00"], "b": [1, 2]},
    ),
    "31.12.2024": (
        b"a,b\n31.12.2024,1\n1.2.2024,2\n",
        {},
        {"a": [D("2024-12-31"), D("2024-02-01")], "b": [1, 2]},
    ),
    "12/31/2024": (
        b"a,b\n12/31/2024,1\n01/02/2024,2\n",
        {},
        {"a": [D("2024-12-31"), D("2024-01-02")], "b": [1, 2]},
    ),
    "31/12/2024": (
        b"a,b\n01/02/2024,1\n31/12/2024,2\n",
        {},
        {"a": [D("2024-02-01"), D("2024-12-31")], "b": [1, 2]},
    ),
    "5/5/2024": (b"a,b\n5/5/2024,1\n", {}, {"a": [D("2024-05-05")], "b": [1]}),
    "12/31/2024 5:30 PM": (
        b"a,b\n12/31/2024 5:30 PM,1\n1/2/2024 12:00 AM,2\n",
        {},
        {"a": [D("2024-12-31T17:30"), D("2024-01-02")], "b": [1, 2]},
    ),
    "a date format": (
        b"a,b\n01/02/2024,1\n",
        {"date_format": "%m/%d/%Y"},
        {"a": [D("2024-01-02")], "b": [1]},
    ),
    "a date format of a column": (
        b"a,b\n20240102,1\n",
        {"date_format": {"a": "%Y%m%d"}},
        {"a": [D("2024-01-02")], "b": [1]},
    ),
    "a date format with names of months": (
        b"a,b\n2-Jan-2024,1\n",
        {"date_format": "%d-%b-%Y", "column_types": {"a": "date"}},
        {"a": [D("2024-01-02")], "b": [1]},
    ),
    "an impossible day is text": (
        b"a,b\n2023-02-29,1\n2023-02-28,2\n",
        {},
        {"a": ["2023-02-29", "2023-02-28"], "b": [1, 2]},
    ),
    "two formats of dates are text": (
        b"a,b\n2024-01-01,1\n31.12.2024,2\n",
        {},
        {"a": ["2024-01-01", "31.12.2024"], "b": [1, 2]},
    ),
}

# Name: (content, options, words of the error after the name of the file)
REFUSED = {
    "no bytes": (b"", {}, "line 1: the file holds no rows"),
    "only blank lines": (b"\n\r\n\n", {}, "line 1: the file holds no rows"),
    "only a header": (b"a,b\n", {}, "line 1: a header, but no rows below it"),
    "a short row": (
        b"a,b\n1,2\n3\n",
        {},
        "line 3: 1 column; the header has 2; remove lines that are not rows",
    ),
    "a long row": (
        b"a,b\n1,2\n1,2,3\n",
        {},
        "line 3: 3 columns; the header has 2; put quotes around cells that have the delimiter ','",
    ),
    "a long row without a header": (b"1,2\n1,2,3\n", {}, "line 2: 3 columns; the first row has 2"),
    "names of rows without a header": (
        b"a,b\nr1,1,2\nr2,3,4\n",
        {},
        "line 2: 3 columns; .*give a name to the first column",
    ),
    "a line with a comment": (
        b"a,b\n1,2\n# by me\n",
        {},
        "line 3: 1 column; .*comments are not skipped, so remove them",
    ),
    "a title above the header": (
        b"Report of May\na,b\n1,2\n3,4\n",
        {},
        "line 2: 2 columns; the header has 1",
    ),
    "a total below": (b"a,b\n1,2\n3,4\nsum\n", {}, "line 4: 1 column"),
    "a row after a quoted line break": (b'a,b\n"x\ny",1\n2\n', {}, "line 4: 1 column"),
    "two columns of a name": (
        b"a,b,a\n1,2,3\n",
        {},
        "line 1: 2 columns are named 'a': columns 1, 3; rename them",
    ),
    "an open quote": (
        b'a,b\n1,"x\n2,y\n',
        {},
        'line 2: a quote " is not closed before the end of the file; double quotes',
    ),
    "an open quote in the first row": (b'"a,b\n1,x\n', {}, 'line 1: a quote " is not closed before the end'),
    "text after a quote": (
        b'a,b\n1,"x"y\n',
        {},
        "line 2: a closing quote \" is not followed by the delimiter ','",
    ),
    "a long cell": (
        b"a,b\n1," + b"x" * 140_000 + b"\n",
        {},
        "line 2: a cell has more than 131072 characters",
    ),
    "NUL": (b"a,b\n1,x\n2,\0\n", {}, "line 3, character 3: there is a character NUL; remove it"),
    "UTF-16 without a mark": (
        "a,b\n1,2\n".encode("utf-16-le"),
        {},
        "line 1, character 2: .* pass encoding='utf-16-le'",
    ),
    "latin-1": (
        b"a,b\n1,x\n2,caf\xe9\n",
        {},
        "line 3, character 6: the byte 0xe9 is not text of UTF-8; pass the encoding .*'cp1252'",
    ),
    "a wrong encoding": (
        b"a,b\n1,\x81\n",
        {"encoding": "cp1252"},
        "line 2, character 3: the byte 0x81 is not text of CP1252",
    ),
    "gzip, cut": (gzip.compress(b"a,b\n1,2\n" * 99)[:-9], {}, " is a damaged gzip file"),
    "a word among numbers": (
        b"a,b\n1,2\nx,3\n",
        {"column_types": {"a": "number"}},
        r"line 3, column 1 \('a'\): 'x' is not a number",
    ),
    "a word among decimal commas": (
        b"a;b\n1,5;2\nx;3\n",
        {"column_types": {"a": "number"}},
        r"line 3, column 1 \('a'\): 'x' is not a number with the decimal mark ','",
    ),
    "a word among dates": (
        b"a,b\n1,2024-01-01\n2,x\n",
        {"column_types": {"b": "date"}},
        r"line 3, column 2 \('b'\): 'x' is not a date",
    ),
    "a date of another format": (
        b"a,b\n1,2024-01-01\n",
        {"date_format": {"b": "%d.%m.%Y"}},
        r"line 2, column 2 \('b'\): '2024-01-01' is not a date of the format '%d.%m.%Y'",
    ),
    "a number without a name": (
        b"1,x\n2,3\ny,5\n",
        {"header": False, "column_types": {0: "number"}},
        "line 3, column 1: 'y' is not a number",
    ),
    "01/02/2024": (
        b"a,b\n1,01/02/2024\n2,03/04/2024\n",
        {},
        r"column 2 \('b'\): in '01/02/2024' .*date_format='%d/%m/%Y' or date_format='%m/%d/%Y'",
    ),
    "1,234": (
        b"a;b\n1,234;x\n2,500;y\n",
        {},
        r"line 2, column 1 \('a'\): '1,234' may be 1234 .* or 1.234 .*; pass decimal=",
    ),
    "1.234 beside both marks": (
        b"a;b;c\n1.234;2,5;2.5\n",
        {},
        r"line 2, column 1 \('a'\): '1.234' may be .*pass decimal=",
    ),
    "a header of years": (
        b"country,1960,1961\nChad,1,2\nMali,3,4\n",
        {},
        "line 1, column 1: 'country' is not a number, .*pass header=True",
    ),
    "years above decimals": (
        b"2019,2020\n1.5,2.5\n3.5,4.5\n",
        {},
        "line 1: the numbers 2019, 2020 may be the names of the columns, or the first row; pass header=True if",
    ),
    "years above counts": (b"2019,2020,2021\n3,8,9\n", {}, "line 1: the numbers 2019, 2020, 2021 may be"),
    "numbers of columns": (
        b"0,1,2,3,4,5\n3,8,9,1,1,1\n",
        {},
        "line 1: the numbers 0, 1, 2, 3, 4, ... may be",
    ),
    "wavelengths": (b"400.5,401,401.5,402,402.5\n3,8,9,1,1\n", {}, "line 1: the numbers 400.5, 401, "),
    "whole numbers above decimals": (b"7,3\n.5,.1\n.2,.1\n1.0,2.5\n", {}, "line 1: the numbers 7, 3 may be"),
    "two delimiters": (
        b"a;b,c\ne;f,g\n",
        {"header": True},
        "line 1: the delimiter may be ',' or ';'; pass delimiter=...",
    ),
    "an unknown column": (
        b"price,b\n1,2\n",
        {"columns": ["prise"]},
        "line 1: no column is named 'prise', .*Did you mean 'price'",
    ),
    "an unknown type": (
        b"price,b\n1,2\n",
        {"column_types": {"prise": "number"}},
        "line 1: no column is named 'prise'",
    ),
    "all columns ignored": (
        b"a\n1\n",
        {"column_types": {"a": "ignore"}},
        "line 1: no column is left to read",
    ),
    "too many columns": (b"1," * (1 << 18) + b"1\n", {}, "line 1: the row has more than 262144 columns"),
    "bzip2": (b"BZh91AY&SY", {}, "is compressed with bzip2"),
    "an old Excel file": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        {},
        "is a file of an old Excel; save it as .xlsx",
    ),
}


@pytest.fixture(params=["csv", "arrow"])
def reader(request, monkeypatch):
    """Library that splits the text, also of small files."""
    if request.param == "arrow":
        pytest.importorskip("pyarrow")
        monkeypatch.setattr(csv_arrow, "_FEWEST_BYTES", 0)
    else:
        monkeypatch.setattr(csv_arrow, "takes", lambda content, layout: False)
    return request.param


def array(values):
    """Return the array of a column."""
    present = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in present):
        found = np.empty(len(values), object)
        found[:] = values
        return found
    if any(isinstance(value, np.datetime64) for value in present):
        return np.array([D("NaT", "D") if value is None else value for value in values], "datetime64[us]")
    if len(present) == len(values):
        return np.array(values)
    return np.array([math.nan if value is None else value for value in values], np.float64)


def same(table, columns):
    assert table.column_names == list(columns)
    for name, expected in columns.items():
        found = table[name]
        assert found.dtype == expected.dtype, (name, found.dtype, expected.dtype)
        if found.dtype.kind == "O":
            assert found.tolist() == expected.tolist()
        else:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", READ)
def test_is_read(reader, name):
    content, options, columns = READ[name]
    expected = {title: array(values) for title, values in columns.items()}
    same(read_table(io.BytesIO(content), **options), expected)
    batches = list(iter_table(io.BytesIO(content), batch_rows=2, **options))
    assert [len(batch) for batch in batches[:-1]] == [2] * (len(batches) - 1)
    same(Table.concatenate(batches), expected)


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(reader, name, tmp_path):
    content, options, words = REFUSED[name]
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    messages = []
    for read in (read_table, lambda *a, **k: list(iter_table(*a, batch_rows=2, **k))):
        with pytest.raises(ValueError, match=f"(?s)^.*table.csv[,:]? ?{words}") as caught:
            read(path, **options)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert len(messages[0]) < 400 + len(str(path))


def test_enough_of_them():
    assert len(READ) + len(REFUSED) >= 70


def test_a_name_in_a_later_file(reader):
    """Options that were found in one file are given for files that do not tell."""
    table = read_table(io.BytesIO(b"when;x\n31/12/2024;1.250,5\n"))
    assert table.reading == {"decimal": ",", "thousands": ".", "date_format": {"when": "%d/%m/%Y"}}
    later = read_table(io.BytesIO(b"when;x\n01/02/2024;1.234\n"), **table.reading)
    same(later, {"when": array([D("2024-02-01")]), "x": array([1234])})
    assert read_table(io.BytesIO(b"a,b\n1,2024-01-01\n")).reading == {}


def test_types_of_a_stream_follow_from_its_first_rows(reader, monkeypatch):
    monkeypatch.setattr(csv_streams, "_CHUNK", 1 << 16)
    first = b"a,b\n" + b"1,x\n" * 30_000
    for last, words in (
        (b"y,2\n", r"^the file, line 30002, column 1 \('a'\): 'y' is not a number"),
        (b"007,2\n", r"^the file, line 30002, column 1 \('a'\): '007' has leading zeros"),
    ):
        batches = iter_table(io.BytesIO(first + last), batch_rows=10_000)
        assert len(next(batches)) == 10_000
        with pytest.raises(ValueError, match=words):
            list(batches)
        table = Table.concatenate([*iter_table(io.BytesIO(first + last), column_types={"a": "category"})])
        assert table["a"][-1] == last.split(b",")[0].decode()
        assert len(table) == 30_001
    assert read_table(io.BytesIO(first + b"y,2\n"))["a"][[0, -1]].tolist() == ["1", "y"]


def test_quotes_of_a_stream(reader, monkeypatch):
    """Rows with line breaks in quotes are on both sides of the ends of pieces; later, quotes are irregular."""
    monkeypatch.setattr(csv_streams, "_CHUNK", 1 << 16)
    rows = [f'{i},"line\n{i} ""x"", "\r\n' for i in range(9000)] + [f'{i},5" pipe\n' for i in range(9000)]
    content = "".join(["a,b\n", *rows]).encode()
    table = Table.concatenate([*iter_table(Pipe(content), batch_rows=1000)])
    assert table["a"].tolist() == [*range(9000)] * 2
    assert table["b"].tolist() == [f'line\n{i} "x",' for i in range(9000)] + ['5" pipe'] * 9000
    same(read_table(Pipe(content)), table.to_dict())


class Pipe:
    """File that can only be read, some bytes at a time."""

    def __init__(self, content):
        self._file = io.BytesIO(content)

    def read(self, size):
        return self._file.read(min(size, 1000))


CELLS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False).map(repr),
    st.sampled_from(
        ["", "x", "007", "NA", "true", "2024-01-31", "31/12/2024", 'a "b"', "O'x", "1_0", "+", "\u0663"]
    ),
    st.text("ab ,;\t|\"'\n\r.é", max_size=4),
)


class AmbiguousError(Exception):
    """A file is refused, as it can be read in two ways."""


def read(content, options):
    try:
        return read_table(io.BytesIO(content), **options)
    except ValueError as error:
        if "; pass d" in str(error):  # decimal= or date_format=
            raise AmbiguousError from error
        raise


def number(cell, marks):
    plain = cell.translate(marks)
    if plain == "true":  # in a column of booleans some of which are missing
        return 1
    return float(plain) if set(plain) & set(".eEn") else int(plain)


# The module only quotes the line ends that it writes.
ENDS = [{"quoting": csv.QUOTE_ALL, "lineterminator": end} for end in ("\n", "\r\n", "\r")]
ENDS.append({"quoting": csv.QUOTE_MINIMAL, "lineterminator": "\r\n"})


@st.composite
def tables(draw):
    """Return a dialect of the csv module, and rows of text below a header."""
    width, kind = draw(st.integers(2, 4)), st.one_of(CELLS, st.just("x"))
    columns = [
        draw(st.lists(draw(st.sampled_from([CELLS, kind])), min_size=3, max_size=6)) for _ in range(width)
    ]
    rows = list(zip(*columns, strict=False))
    return {
        "delimiter": draw(st.sampled_from(",;\t|")),
        "quotechar": draw(st.sampled_from("\"'")),
        **draw(st.sampled_from(ENDS)),
    }, rows


@pytest.mark.parametrize("library", ["csv", "arrow"])
@given(drawn=tables())
@settings(deadline=None)
def test_what_the_csv_module_writes_is_read_back(library, drawn):
    """As text, cells are those that were written; without types, they are the same numbers, dates or text."""
    dialect, rows = drawn
    names = [f"column {i}" for i in range(len(rows[0]))]
    out = io.StringIO()
    csv.writer(out, **dialect).writerows([names, *rows])
    options = {"delimiter": dialect["delimiter"], "quote": dialect["quotechar"]}
    with pytest.MonkeyPatch.context() as patch:
        if library == "arrow":
            pytest.importorskip("pyarrow")
            patch.setattr(csv_arrow, "_FEWEST_BYTES", 0)
        else:
            patch.setattr(csv_arrow, "takes", lambda content, layout: False)
        content = out.getvalue().encode()
        as_text = read_table(io.BytesIO(content), column_types=dict.fromkeys(names, "category"), **options)
        found = as_text
        with contextlib.suppress(AmbiguousError):
            found = read(content, options)
    for i, name in enumerate(names):
        cells = [row[i].strip() for row in rows]
        assert as_text[name].tolist() == [None if cell in ("", "NaN") else cell for cell in cells]
        if found[name].dtype.kind in "if":
            decimals = any(set(cell) & set(".,e") for cell in cells)  # then a number is the nearest float
            for cell, value in zip(cells, found[name].tolist(), strict=True):
                if not math.isnan(value):
                    numbers = [number(cell, marks) for marks in MARKS]
                    assert value in ([float(each) for each in numbers] if decimals else numbers)
        elif found[name].dtype.kind == "O":
            assert found[name].tolist() == as_text[name].tolist()


# Characters between digits, and the decimal mark, by the characters that replace them.
MARKS = [
    str.maketrans({"'": None, " ": None, ",": a, ".": b}) for a, b in ((None, "."), (".", None), (".", "."))
]
