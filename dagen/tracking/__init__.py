"""Runs in MLflow, delivered from their own logs. Alone imports mlflow. Knows runs and scoring."""
