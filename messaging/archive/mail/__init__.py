"""Mail: the bytes of one message, whatever is wrong with them, as a Letter. RFC 5322, RFC 2045"""
