"""Runs in MLflow, sent from their logs; the only room with mlflow. Knows runs and scoring."""
