"""What happens when a tenant's credential stops working: which one steps in, who is told, and
when it is used again. Decision 023 tells why."""
