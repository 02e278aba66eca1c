"""What tests of clients and servers can use; needs the extra ``testing``."""
