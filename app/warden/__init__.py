"""The warden: on a host, it ends live sessions whose right to be there has ended, and tells of all.

Handshakes are decided by `app.access`. What was let in is looked at about twice a second: the slots
tell who is there (`app.warden.lines`), the database tells who may be (`app.warden.judging`), and
what came of it is written down (`app.warden.ledger`). Nothing that matters is kept in memory, so a
warden may die at any time: the next look goes on where the last one ended.
"""
