"""What refdet costs, beside what others cost."""
