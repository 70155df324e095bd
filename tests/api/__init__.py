"""The API as its description has it, asked by a program that makes up requests."""
