"""Pages of a list: `{count, next, previous, results}` (contract, section 1)."""

from rest_framework import pagination


class PageNumberPagination(pagination.PageNumberPagination):
    """`?page=` (a bad one is 404) and `?page_size=` (10 by default, at most 100)."""

    page_size = 10
    page_size_query_param = "page_size"
    max_page_size = 100
    last_page_strings = ()  # a page is a number
