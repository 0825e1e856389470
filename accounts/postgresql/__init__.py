"""PostgreSQL as Parley uses it: a database backend that tells the database the scope with each
statement, and what `migrate` adds to the tables so that the database holds tenants apart too.
docs/decisions/019 says why.
"""
