"""Many films or many machines: what one process after another, or one computer, would take too long for."""
