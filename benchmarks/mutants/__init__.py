"""Mutation testing of `refdet.core`: is every small mistake in it noticed by a test?"""
