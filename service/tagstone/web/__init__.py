"""HTTP for people: server-rendered pages that only read. Whatever they show was written by strangers: it is escaped, never run."""
